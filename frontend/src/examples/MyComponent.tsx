import { useWebSocket } from '../hooks/useWebSocket';

const MyComponent = () => {
  const { socket, isConnected, sendMessage } = useWebSocket({
    url: '/ws/custom/',
    onMessage: (message) => console.log('Received:', message),
    onOpen: () => console.log('Connected'),
    onClose: () => console.log('Disconnected'),
    reconnectAttempts: 5,
    heartbeatInterval: 30000,
  });

  const handleSend = () => {
    sendMessage({ type: 'custom', data: 'hello' });
  };

  return (
    <div>
      <p>Estado: {isConnected ? 'Conectado' : 'Desconectado'}</p>
      <button onClick={handleSend}>Enviar</button>
    </div>
  );
};

export default MyComponent;
